-- Which applications may use a connection. Words and marks as in 0001.

CREATE TABLE connection_clients (
    connection BIGINT NOT NULL REFERENCES connections (number),
    client BIGINT NOT NULL REFERENCES clients (number),
    PRIMARY KEY (connection, client)
);--index
CREATE INDEX connection_clients_client ON connection_clients (client);
