"""Shell of the router: how does a request come in, and where does its route go?

May import decide, learn, text and the runtime. The only room of the router that acts: on Kafka,
Redis, files, by the clock.
"""
