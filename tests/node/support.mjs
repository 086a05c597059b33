// Shared by the tests of Ping's web SDKs: the real server, the command line's phone, and whatever the steps of all SDKs
// have in common.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

if (!process.env.PUSH_AUTHENTICATOR) {
  throw new Error("Set PUSH_AUTHENTICATOR to the path of the push-authenticator program that is to be tested.");
}
const PROGRAM = path.resolve(process.env.PUSH_AUTHENTICATOR);
export const USER = "ada";
export const PASSWORD = "correct horse";
export const JOURNEY = "Login with Push MFA";

/** A listening server with one user, and that user's phone, which has no account yet. */
export class Login {
  /** Starts the server in a folder that `stop` removes. */
  static async start() {
    const login = new Login();
    login.folder = await mkdtemp(path.join(tmpdir(), "push-authenticator-sdk-"));
    try {
      const configuration = path.join(login.folder, "login", "server.toml");
      await run(["init", path.dirname(configuration)]);
      await run(["user", "add", USER, "--password-stdin", "--config", configuration], PASSWORD);
      login.server = spawn(PROGRAM, ["--json", "serve", "--listen", "127.0.0.1:0", "--config", configuration], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      login.baseUrl = `http://${await listeningAddress(login.server)}/am/`;
      return login;
    } catch (failure) {
      await login.stop().catch(() => {}); // The reason it did not start says more.
      throw failure;
    }
  }

  async stop() {
    try {
      if (this.server) await end(this.server);
    } finally {
      await rm(this.folder, { recursive: true, force: true });
    }
  }

  /** Runs a verb of the phone; returns the JSON that it printed. */
  async phone(...verb) {
    return JSON.parse(await run(["--json", "phone", "--vault", path.join(this.folder, "phone"), ...verb]));
  }

  /** Returns the only pending message on the phone. */
  async onlyPending() {
    const pending = await this.phone("pending", "--wait", "10");
    assert.equal(pending.length, 1, JSON.stringify(pending));
    return pending[0];
  }

  /** Taps the number that the browser shows. */
  async tapOnPhone(number) {
    const { id, numbers } = await this.onlyPending();
    assert.ok(numbers.includes(number), `the browser's number ${number} is among the phone's: ${numbers}`);
    await this.phone("approve", id, "--number", number);
  }

  /** Returns what the server says about a session token. The SDKs have no call for that. */
  async validated(token) {
    const response = await fetch(`${this.baseUrl}json/realms/root/realms/alpha/sessions/?_action=validate`, {
      method: "POST",
      headers: { iPlanetDirectoryPro: token, "Accept-API-Version": "protocol=1.0,resource=2.0" },
    });
    return response.json();
  }

  /** Checks that a sign-on ended with a live session; returns its token. */
  async expectSession(result) {
    assert.equal(result.type, "LoginSuccess", JSON.stringify(result.payload ?? result));
    assert.equal(result.getRealm(), "/alpha");
    const token = result.getSessionToken();
    assert.deepEqual(await this.validated(token), { valid: true, uid: USER, realm: "/alpha" });
    return token;
  }
}

/** Fills the first page of the journey. */
export function fillSignIn(page, password) {
  assert.equal(page.getHeader(), "Sign In");
  page.getCallbackOfType("NameCallback").setName(USER);
  page.getCallbackOfType("PasswordCallback").setPassword(password);
  return page;
}

/** Presses the only button of a page. */
export function press(page, label) {
  const button = page.getCallbackOfType("ConfirmationCallback");
  assert.deepEqual(button.getOptions(), [label]);
  button.setOptionIndex(0);
  return page;
}

/** Waits as long as the step says and posts it by the SDK's `next`, once. */
export async function poll(step, next) {
  await sleep(step.getCallbackOfType("PollingWaitCallback").getWaitTime());
  return next(step);
}

/** Polls until the page is no longer a waiting page; returns that page. */
export async function pollToNextPage(step, next) {
  let page = step;
  do page = await poll(page, next);
  while (page.type === "Step" && page.getCallbacksOfType("PollingWaitCallback").length > 0);
  return page;
}

/** Returns the number on the page that waits for the push. */
export function shownNumber(step) {
  const hidden = step.getCallbackOfType("HiddenValueCallback");
  assert.equal(hidden.getOutputByName("id"), "pushChallengeNumber");
  return hidden.getOutputByName("value");
}

export function expectStep(result) {
  assert.equal(result.type, "Step", JSON.stringify(result.payload ?? result));
  return result;
}

export function expectFailure(result, message, code = 401) {
  assert.equal(result.type, "LoginFailure", JSON.stringify(result.payload ?? result));
  assert.equal(result.getMessage(), message);
  assert.equal(result.getCode(), code);
}

/** Runs the program to its end; returns its standard output. */
async function run(args, input = "") {
  const running = promisify(execFile)(PROGRAM, args, { timeout: 30_000 });
  // A program that exits before it has read everything reports the reason itself.
  running.child.stdin.on("error", () => {});
  running.child.stdin.end(input);
  try {
    return (await running).stdout;
  } catch (failure) {
    // With --json, the program's error is on standard output, which Node leaves out of its message.
    throw new Error(`${failure.message}${failure.stdout}`);
  }
}

/** Returns the address that the server prints when it is listening. */
async function listeningAddress(server) {
  // Standard output ends without a line if the server could not start.
  for await (const line of createInterface({ input: server.stdout })) return JSON.parse(line).listening;
  throw new Error("The server ended before it listened.");
}

async function end(server) {
  if (server.exitCode === null && server.signalCode === null) {
    const exit = once(server, "exit");
    server.kill("SIGTERM");
    await exit;
  }
  assert.equal(server.exitCode, 0, "the server ends cleanly");
}
