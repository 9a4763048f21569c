"""Cross-encoder: two questions read together. Does one answer serve both, where words leave doubt?

Pure. Of the cache it imports verification.
"""
