"""Statements on the tables: one module per table, functions of a connection and values.

They decide nothing, read no clock and begin no transaction.
"""
