-- The only way to move money. Locks the payer, so two payments at once cannot spend the same cents.
CREATE FUNCTION pay(from_account text, to_account text, amount bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    may_be_overdrawn boolean;
BEGIN
    SELECT accounts.may_be_overdrawn INTO STRICT may_be_overdrawn FROM accounts WHERE name = from_account FOR UPDATE;
    IF NOT may_be_overdrawn AND amount > (SELECT cents FROM balances WHERE name = from_account) THEN
        RAISE EXCEPTION '% cannot pay % cents', from_account, amount USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO transfers (payer, payee, cents) VALUES (from_account, to_account, amount);
END $$;
