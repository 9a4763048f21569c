"""Provider simulator: the real wire protocols over HTTP, with answers that are made up."""
