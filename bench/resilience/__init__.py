"""What do callers feel when providers throttle, slow down or die: Switchgear and its peers."""
