"""Stored requests: what was asked without waiting for the answer, and what has come of it?

The topic `llm.replies.stored` is the store. A gateway writes a receipt there, then the request,
which names the topic for its reply; every gateway reads the topic, so each of them can tell of each
request, and one that is killed loses none. May import the exchanges' seams below `endpoints`.
"""
