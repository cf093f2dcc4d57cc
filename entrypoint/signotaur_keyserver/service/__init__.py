"""The use cases: each is one transaction that has a change and its event.

They know neither HTTP nor SQL; time comes from the database's clock alone.
"""
