"""State of batches, pure: what is known of each, and what is to be done about it next?"""
