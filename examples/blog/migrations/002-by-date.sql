CREATE INDEX posts_by_date ON posts (written);
