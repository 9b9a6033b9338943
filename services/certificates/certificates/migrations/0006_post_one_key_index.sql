-- certificate_key says what these two said together.
DROP INDEX certificate_natural_key;
DROP INDEX certificate_ended;
