CREATE TABLE posts (
    slug TEXT PRIMARY KEY,
    headline TEXT NOT NULL,
    body TEXT NOT NULL,
    written TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO posts (slug, headline, body) VALUES
    ('first', 'The first ship', 'A small one, with a blue sail.'),
    ('fog', 'Fog', 'Nothing seen today, and heard the more.');
