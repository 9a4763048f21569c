"""The gateway beside its peers: what does each add to a call, and what does it cost?"""
