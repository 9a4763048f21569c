"""Jobs of HTTP callers: which are there, how far are they, and who publishes their lines?"""
