"""Identity: scope, canonical form and terms. Which requests ask the same under the same terms?

Pure. Imports settings and the contract; neither storage nor verification.
"""
