package org.pushauthenticator

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers
import java.nio.file.Path
import java.util.concurrent.TimeUnit
import kotlin.io.path.readText
import kotlin.io.path.writeText

/** The real server, as a separate process with the user alice; and a browser's part of a sign-on over REST. */
class Server(pushType: String = "CHALLENGE", deviceKey: String? = null) : AutoCloseable {
    private val folder: Path = folder()
    private var process: Process? = null
    private val client = HttpClient.newHttpClient()
    var address = "127.0.0.1:0"
        private set

    init {
        run("init", folder.toString())
        val journey = folder.resolve("journeys/Login with Push MFA.journey.json")
        journey.writeText(journey.readText().replace("\"CHALLENGE\"", "\"$pushType\""))
        if (deviceKey != null) {
            // Both nodes that have the setting: registration, and the sign-on request.
            val asked = journey.readText().replace(Regex("\"(scanQRCodeMessage|pushType)\":")) { "\"deviceKey\": \"$deviceKey\", ${it.value}" }
            journey.writeText(asked)
        }
        run("user", "add", "alice", "--password-stdin", "--config", configuration, input = PASSWORD)
        start()
    }

    val configuration get() = folder.resolve("server.toml").toString()

    /** Runs a command of the command line. */
    fun run(vararg arguments: String, input: String = ""): JsonNode {
        val ran = program("--json", *arguments).start()
        ran.outputStream.use { it.write(input.toByteArray()) }
        val output = ran.inputStream.readAllBytes()
        check(ran.waitFor() == 0) { String(output) }
        return json.readTree(output)
    }

    /** Starts the process, on the previous address if there was one. */
    fun start() {
        val started = program("--json", "serve", "--listen", address, "--config", configuration).start()
        process = started
        address = json.readTree(started.inputReader().readLine())["listening"].asText()
    }

    fun stop() {
        process?.destroyForcibly()?.waitFor(10, TimeUnit.SECONDS)
        process = null
    }

    override fun close() = stop()

    /** Posts a step of the sign-on, and returns status and body. */
    fun post(step: JsonNode?): Pair<Int, JsonNode> {
        val uri = "http://$address/am/json/realms/root/realms/alpha/authenticate?authIndexType=service" +
            "&authIndexValue=Login%20with%20Push%20MFA"
        val body = step?.let { BodyPublishers.ofString(it.toString()) } ?: BodyPublishers.noBody()
        val request = java.net.http.HttpRequest.newBuilder(URI(uri)).POST(body).header("Content-Type", "application/json")
            .header("Accept-API-Version", "resource=2.1, protocol=1.0").build()
        val response = client.send(request, BodyHandlers.ofString())
        return response.statusCode() to json.readTree(response.body())
    }

    fun next(step: JsonNode): JsonNode = post(step).let { (status, body) -> check(status == 200) { body }; body }

    /** Returns the step after the correct password. */
    fun signOn(): JsonNode {
        val step = post(null).second
        listOf("alice", PASSWORD).forEachIndexed { index, value ->
            (step["callbacks"][index]["input"][0] as ObjectNode).put("value", value)
        }
        return next(step)
    }

    /** Returns the step that shows the QR code, and the registration URI. */
    fun offer(): Pair<JsonNode, String> = next(signOn()).let { it to hiddenValue(it)!! }

    /** Returns the step that waits for the first push, after the phone has registered. */
    fun registered(offer: JsonNode): JsonNode = next(next(offer))

    /** Signs in without the phone: leaves the wait, and finishes with a recovery code. Returns the session's token. */
    fun signOnWithRecoveryCode(code: String): String {
        val left = next(fill(signOn()) { (it["callbacks"].last()["input"][0] as ObjectNode).put("value", 0) })
        return next(fill(left) { (it["callbacks"][0]["input"][0] as ObjectNode).put("value", code) })["tokenId"].asText()
    }

    /** What a signed-in user does with their own phones, over REST. */
    fun ownPhones(method: String, id: String, token: String): JsonNode {
        val uri = URI("http://$address/am/json/realms/root/realms/alpha/users/alice/devices/2fa/push$id")
        val request = java.net.http.HttpRequest.newBuilder(uri).method(method, BodyPublishers.noBody())
            .header("iPlanetDirectoryPro", token).header("Accept-API-Version", "resource=1.0").build()
        val response = client.send(request, BodyHandlers.ofString())
        check(response.statusCode() == 200) { response.body() }
        return json.readTree(response.body())
    }

    private fun fill(step: JsonNode, change: (JsonNode) -> Unit): JsonNode = step.also(change)

    companion object {
        /** Returns the recovery codes of the step that shows them; each is a line of its script. */
        fun recoveryCodes(step: JsonNode): List<String> {
            val script = step["callbacks"].first { it["type"].asText() == "TextOutputCallback" }["output"][0]["value"].asText()
            return Regex("""^\s."([A-Za-z0-9_]+)\\n""", RegexOption.MULTILINE).findAll(script).map { it.groupValues[1] }.toList()
        }

        const val PASSWORD = "correct horse battery staple"

        private fun program(vararg arguments: String) =
            ProcessBuilder(Path.of(System.getProperty("cargo.output"), "push-authenticator").toString(), *arguments)
                .redirectError(ProcessBuilder.Redirect.INHERIT).apply { environment()["RUST_LOG"] = "error" }

        /** Returns the registration URI, or the number to tap. */
        fun hiddenValue(step: JsonNode): String? =
            step["callbacks"].find { it["type"].asText() == "HiddenValueCallback" }?.let { it["output"][0]["value"].asText() }
    }
}
