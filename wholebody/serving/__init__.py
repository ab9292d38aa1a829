"""The backend as a server: the protocol, who is worked on, who waits, what can be seen of it. Predicts nothing."""
