"""The steps of an audit as Prefect tasks: shells around the library."""
