"""HTTP as Label Studio and image servers are spoken to: a plain session, deadlines that hold, failures in words."""
