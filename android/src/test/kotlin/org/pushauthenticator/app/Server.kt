package org.pushauthenticator.app

import java.io.File
import java.net.HttpURLConnection
import java.net.URI
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.TimeUnit
import kotlin.io.path.readText
import kotlin.io.path.writeText
import org.json.JSONArray
import org.json.JSONObject

/** The real server, as a separate process with the user alice; and a browser's part of a sign-on over REST. */
class Server(pushType: String = "CHALLENGE", deviceKey: String? = null, minimumKeyLevel: String? = null) : AutoCloseable {
    private val folder: Path = Files.createTempDirectory("server")
    private val configuration = folder.resolve("server.toml").toString()
    private var process: Process? = null
    var address = "127.0.0.1:0"
        private set

    init {
        run("init", folder.toString())
        val journey = folder.resolve("journeys/Login with Push MFA.journey.json")
        journey.writeText(journey.readText().replace("\"CHALLENGE\"", "\"$pushType\""))
        if (deviceKey != null) {
            // Both nodes that have the setting: registration, and the sign-on request.
            val minimum = minimumKeyLevel?.let { "\"minimumKeyLevel\": \"$it\", " }.orEmpty()
            val asked = journey.readText().replace(Regex("\"(scanQRCodeMessage|pushType)\":")) { "\"deviceKey\": \"$deviceKey\", $minimum${it.value}" }
            journey.writeText(asked)
        }
        run("user", "add", "alice", "--password-stdin", "--config", configuration, input = PASSWORD)
        start()
    }

    /** Runs a command of the server's command line. */
    fun manage(vararg arguments: String): String = run(*arguments, "--config", configuration)

    private fun run(vararg arguments: String, input: String = ""): String {
        val ran = program("--json", *arguments).start()
        ran.outputStream.use { it.write(input.toByteArray()) }
        val output = ran.inputStream.readAllBytes()
        check(ran.waitFor() == 0) { String(output) }
        return String(output)
    }

    /** Starts the process, on the previous address if there was one. */
    fun start() {
        val started = program("--json", "serve", "--listen", address, "--config", configuration).start()
        process = started
        address = JSONObject(started.inputStream.bufferedReader().readLine()).getString("listening")
    }

    fun stop() {
        process?.destroyForcibly()?.waitFor(10, TimeUnit.SECONDS)
        process = null
    }

    override fun close() {
        stop()
        folder.toFile().deleteRecursively()
    }

    /** Posts a step of the sign-on, and returns status and body. */
    fun post(step: JSONObject?): Pair<Int, JSONObject> {
        val url = "http://$address/am/json/realms/root/realms/alpha/authenticate?authIndexType=service&authIndexValue=Login%20with%20Push%20MFA"
        val connection = URI(url).toURL().openConnection() as HttpURLConnection
        connection.requestMethod = "POST"
        connection.doOutput = true
        connection.setRequestProperty("Content-Type", "application/json")
        connection.setRequestProperty("Accept-API-Version", "resource=2.1, protocol=1.0")
        connection.outputStream.use { it.write(step?.toString().orEmpty().toByteArray()) }
        val status = connection.responseCode
        val body = (if (status < 400) connection.inputStream else connection.errorStream).readAllBytes()
        return status to JSONObject(String(body))
    }

    fun next(step: JSONObject): JSONObject = post(step).let { (status, body) -> check(status == 200) { body }; body }

    /** Returns the step after the correct password. */
    fun signOn(): JSONObject {
        val step = post(null).second
        listOf("alice", PASSWORD).forEachIndexed { index, value ->
            step.getJSONArray("callbacks").getJSONObject(index).getJSONArray("input").getJSONObject(0).put("value", value)
        }
        return next(step)
    }

    /** Returns the step that shows the QR code, and the registration URI. */
    fun offer(): Pair<JSONObject, String> = next(signOn()).let { it to hiddenValue(it)!! }

    /** Returns the step that waits for the first push, after the phone has registered. */
    fun registered(offer: JSONObject): JSONObject = next(next(offer))

    companion object {
        const val PASSWORD = "correct horse battery staple"

        private fun program(vararg arguments: String) =
            ProcessBuilder(File(System.getProperty("cargo.output"), "push-authenticator").path, *arguments)
                .redirectError(ProcessBuilder.Redirect.INHERIT).apply { environment()["RUST_LOG"] = "error" }

        /** Returns the registration URI, or the number to tap. */
        fun hiddenValue(step: JSONObject): String? = callbacks(step.getJSONArray("callbacks"))
            .find { it.getString("type") == "HiddenValueCallback" }
            ?.getJSONArray("output")?.getJSONObject(0)?.getString("value")

        private fun callbacks(array: JSONArray) = (0 until array.length()).map { array.getJSONObject(it) }
    }
}
