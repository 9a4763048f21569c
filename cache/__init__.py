"""Cache: answers that serve a second caller. Imports `runtime` and what stands below it.

From the top floor down: commands, composition, lookup, shadow_checks, semantic, results, then
identity, storage and verification beside each other. No room imports a higher one.
"""
