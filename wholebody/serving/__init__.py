"""The backend as a server: the protocol, who is worked on and who waits, and what can be seen of it."""
