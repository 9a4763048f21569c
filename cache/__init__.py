"""Cache: answers that serve a second caller. Imports `runtime` and what stands below it.

From the top floor down: commands, composition, lookup, fill and invalidation, shadow_checks,
semantic, results, promise_records and answers, then promise, identity, storage and verification
beside each other, then wording. No room imports a higher one.
"""
