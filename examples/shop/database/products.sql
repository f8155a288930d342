-- Safe to run again: it only adds what is missing.
CREATE TABLE IF NOT EXISTS products (
    name text PRIMARY KEY,
    cents integer NOT NULL CHECK (cents > 0)
);

INSERT INTO products (name, cents) VALUES
    ('Apples, a bag', 349),
    ('Bread, sourdough', 420),
    ('Coffee, 250 g', 899)
ON CONFLICT (name) DO NOTHING;
