CREATE TABLE assistant_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    said TEXT NOT NULL -- schemas/assistant.py: Said
);
