"""How each act of a plan is done: `acts.perform` for all of them, `ending` also without an event loop."""
