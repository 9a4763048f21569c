"""Access: whose key is it, what may its holder do, and how much of it?"""
