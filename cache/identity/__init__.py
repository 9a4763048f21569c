"""Identity: scope, canonical form and terms. Which requests ask the same under the same terms?

Pure. Imports the contract and the settings of `runtime.config`; neither storage nor verification.
"""
