"""Personal data: where did a tenant's data go, and how is a person's removed?

The commands `report residency`, `report verify` and `erase`. May import every package.
"""
