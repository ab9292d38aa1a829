"""What all that speaks HTTP shares: one kind of session, deadlines that hold, and failures in words."""
