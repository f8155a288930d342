"""What exists on the engine, asked for and put into `compose.plan.observed`."""
