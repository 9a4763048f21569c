"""Supply chain: the bill of materials, the audit of pins, the digests of images."""
