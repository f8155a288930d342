CREATE TABLE accounts (
    name text PRIMARY KEY,
    may_be_overdrawn boolean NOT NULL DEFAULT false
);

CREATE TABLE transfers (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payer text NOT NULL REFERENCES accounts,
    payee text NOT NULL REFERENCES accounts CHECK (payee <> payer),
    cents bigint NOT NULL CHECK (cents > 0)
);

CREATE VIEW balances AS
SELECT name, coalesce((SELECT sum(cents) FROM transfers WHERE payee = name), 0)
           - coalesce((SELECT sum(cents) FROM transfers WHERE payer = name), 0) AS cents
FROM accounts;
