"""The commands, a file each: their options and their words. Nothing here that another part could need."""
