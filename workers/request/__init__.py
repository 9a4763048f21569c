"""Request room: handler, lifecycle, what follows a reply, requeues and maintenance.

How does one record of a queue get its reply? Imports accounting, calling, planning and delivery.
"""
