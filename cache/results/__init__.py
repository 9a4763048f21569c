"""Results: the values that a look-up ends with. Pure; imports identity, storage, verification."""
