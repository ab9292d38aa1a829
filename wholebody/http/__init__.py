"""HTTP as we speak it: a plain session, deadlines that hold, failures in words. Knows no Label Studio and no images."""
