-- One of every kind of object that a dump carries, and of those that templates leave out. As superuser.
CREATE EXTENSION pg_trgm VERSION '1.5';
CREATE EXTENSION btree_gist;
CREATE SCHEMA sales;
CREATE SCHEMA "Odd ""Name""";
CREATE EXTENSION hstore SCHEMA sales;
CREATE EXTENSION postgres_fdw;
COMMENT ON EXTENSION hstore IS 'our own words';
COMMENT ON SCHEMA public IS 'the application''s schema';

CREATE TYPE sales.stage AS ENUM ('lead', 'won', 'lost');
CREATE DOMAIN sales.email AS text CHECK (VALUE LIKE '%@%');
CREATE TYPE sales.address AS (street text, city text);
CREATE TYPE sales.price_range AS RANGE (subtype = numeric);
CREATE COLLATION sales.german (provider = icu, locale = 'de');
CREATE CONVERSION sales.from_latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE SEQUENCE sales.invoice_number START 1000 INCREMENT 5;

CREATE TABLE sales.company (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name varchar(80) NOT NULL COLLATE sales.german,
  stage sales.stage NOT NULL DEFAULT 'lead',
  size varchar(10) CHECK (size IN ('small', 'large')),
  home sales.address,
  tags sales.hstore,
  name_length int GENERATED ALWAYS AS (length(name)) STORED,
  owner_email sales.email
);
COMMENT ON TABLE sales.company IS 'customers';
COMMENT ON COLUMN sales.company.size IS 'in words';
CREATE INDEX company_name_trgm ON sales.company USING gin (name gin_trgm_ops);
CREATE UNIQUE INDEX company_lower ON sales.company (lower(name)) WHERE stage <> 'lost';
CREATE STATISTICS sales.company_stats ON stage, size FROM sales.company;
ALTER TABLE sales.company ALTER COLUMN name SET STATISTICS 500;
ALTER TABLE sales.company SET (fillfactor = 80);
CREATE TABLE public.contact (
  id bigserial PRIMARY KEY,
  company_id int NOT NULL REFERENCES sales.company ON DELETE CASCADE DEFERRABLE,
  full_name text NOT NULL
);
CREATE TABLE public.booking (
  room int, during tstzrange,
  EXCLUDE USING gist (room WITH =, during WITH &&)
);
CREATE TABLE public.event (id int, at date NOT NULL, note text) PARTITION BY RANGE (at);
CREATE TABLE public.event_2026 PARTITION OF public.event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE public.event_rest PARTITION OF public.event DEFAULT;
CREATE TABLE public.animal (name text);
CREATE TABLE public.dog (breed text) INHERITS (public.animal);
CREATE UNLOGGED TABLE public.scratch (id int);
CREATE TABLE "Odd ""Name"""."Ta ble" ("Col umn" int, "B" text);
CREATE TABLE public.country (code text PRIMARY KEY, name text, number serial);
INSERT INTO public.country VALUES ('de', 'Germany'), ('fr', 'France');
CREATE TABLE public.ledger (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
CREATE TABLE public.ledger_1 PARTITION OF public.ledger FOR VALUES FROM (0) TO (100);
INSERT INTO public.ledger VALUES (1, 'first migration');
INSERT INTO sales.company (name) VALUES ('not carried');
SELECT setval('sales.invoice_number', 2000);

CREATE VIEW sales.won AS SELECT id, name FROM sales.company WHERE stage = 'won' WITH CASCADED CHECK OPTION;
CREATE VIEW public.countries WITH (security_barrier) AS SELECT name FROM public.country;
CREATE MATERIALIZED VIEW public.country_count AS SELECT count(*) AS countries FROM public.country;
CREATE MATERIALIZED VIEW public.country_twice AS SELECT countries * 2 AS twice FROM public.country_count;
CREATE MATERIALIZED VIEW public.never_read AS SELECT 1 AS one WITH NO DATA;
CREATE UNIQUE INDEX country_count_unique ON public.country_count (countries);
CREATE RULE no_delete AS ON DELETE TO public.animal DO INSTEAD NOTHING;

CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.full_name := trim(NEW.full_name); RETURN NEW; END';
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON public.contact FOR EACH ROW EXECUTE FUNCTION public.touch();
CREATE TRIGGER touch_off BEFORE DELETE ON public.contact FOR EACH ROW EXECUTE FUNCTION public.touch();
ALTER TABLE public.contact DISABLE TRIGGER touch_off;
CREATE FUNCTION public.secret_count() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS 'SELECT count(*) FROM sales.company';
REVOKE EXECUTE ON FUNCTION public.secret_count() FROM PUBLIC;
CREATE FUNCTION public.open_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM sales.company';
CREATE PROCEDURE sales.close_all(INOUT closed int) LANGUAGE plpgsql AS 'BEGIN closed := 0; END';
CREATE FUNCTION public.add_text(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT a || b';
CREATE AGGREGATE public.join_text(text) (SFUNC = public.add_text, STYPE = text, INITCOND = '');
CREATE OPERATOR public.|+| (LEFTARG = text, RIGHTARG = text, FUNCTION = public.add_text);
CREATE FUNCTION public.stage_number(s sales.stage) RETURNS int LANGUAGE sql IMMUTABLE
  AS 'SELECT array_position(enum_range(NULL::sales.stage), s)';
CREATE CAST (sales.stage AS int) WITH FUNCTION public.stage_number(sales.stage);
CREATE OPERATOR FAMILY sales.text_ops USING btree;
CREATE FUNCTION sales.reverse_compare(a text, b text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT bttextcmp(b, a)';
CREATE OPERATOR CLASS sales.reverse_ops FOR TYPE text USING btree FAMILY sales.text_ops AS
  OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 sales.reverse_compare(text, text);
COMMENT ON OPERATOR CLASS sales.reverse_ops USING btree IS 'backwards';
CREATE INDEX contact_backwards ON public.contact (full_name sales.reverse_ops);
CREATE TEXT SEARCH DICTIONARY public.plain (TEMPLATE = simple, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION public.ours (COPY = english);
ALTER TEXT SEARCH CONFIGURATION public.ours ALTER MAPPING FOR asciiword WITH public.plain;

ALTER TABLE public.contact ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON public.contact USING (true) WITH CHECK (full_name <> '');
CREATE POLICY staff_only ON public.contact AS RESTRICTIVE FOR DELETE TO every_kind_staff USING (id > 0);

CREATE FOREIGN DATA WRAPPER bare OPTIONS (purpose 'none');
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db.invalid');
COMMENT ON SERVER elsewhere IS 'far away';
CREATE USER MAPPING FOR CURRENT_USER SERVER elsewhere OPTIONS (user 'u', password 'canary-password');
CREATE FOREIGN TABLE public.far_away (id int) SERVER elsewhere;
CREATE PUBLICATION contacts FOR TABLE public.contact WITH (publish = 'insert');
CREATE PUBLICATION everything FOR ALL TABLES;
DO $$ BEGIN
  IF current_setting('server_version_num')::int >= 150000 THEN
    EXECUTE 'CREATE PUBLICATION of_sales FOR TABLES IN SCHEMA sales';
  END IF;
END $$;
COMMENT ON PUBLICATION contacts IS 'published';
CREATE FUNCTION public.note_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE EVENT TRIGGER note_ddl ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.note_ddl();
COMMENT ON EVENT TRIGGER note_ddl IS 'notes';
CREATE FUNCTION public.grab_ddl() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN NULL; END';
CREATE EVENT TRIGGER grab_ddl ON ddl_command_end EXECUTE FUNCTION public.grab_ddl();
COMMENT ON EVENT TRIGGER grab_ddl IS 'not carried, and neither is this';

GRANT SELECT ON public.country TO PUBLIC;
GRANT UPDATE (name) ON public.country TO PUBLIC;
GRANT SELECT, INSERT ON sales.company TO every_kind_staff;
GRANT SELECT (note) ON public.event TO every_kind_staff;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO every_kind_staff;
GRANT CREATE ON SCHEMA public TO PUBLIC;
GRANT USAGE ON SCHEMA sales TO PUBLIC;
GRANT USAGE ON FOREIGN SERVER elsewhere TO PUBLIC;
REVOKE USAGE ON TYPE sales.email FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(double precision) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION public.similarity(text, text) FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA sales GRANT SELECT ON TABLES TO PUBLIC;
