// An API with two operations, each with the permission that it takes.
import express from "express";
import { Keyward } from "./keyward.js";

const { ISSUER, AUDIENCE, CLIENT_ID, CLIENT_SECRET, ALGORITHM = "RS256", EVERY = "5", PORT = "3000" } = process.env;
const keyward = await new Keyward({
  issuer: ISSUER, audience: AUDIENCE, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET,
  algorithm: ALGORITHM, every: Number(EVERY),
}).start();

const api = express();
api.get("/notes", keyward.requires("read:notes"), (request, response) => response.json({ for: request.auth.sub }));
api.post("/notes", keyward.requires("write:notes"), (request, response) => response.status(201).json({}));
api.listen(Number(PORT), "127.0.0.1", () => console.log(`listening on ${PORT}`));
