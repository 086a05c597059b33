package org.pushauthenticator

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.ObjectMapper
import java.nio.file.Files
import java.nio.file.Path
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.time.Instant
import java.time.ZoneOffset
import java.time.format.DateTimeFormatter
import java.util.Base64
import java.util.HexFormat
import java.util.Locale
import java.util.concurrent.CopyOnWriteArrayList
import javax.crypto.Cipher
import javax.crypto.Mac
import javax.crypto.spec.GCMParameterSpec
import javax.crypto.spec.SecretKeySpec
import kotlin.io.path.extension
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.nameWithoutExtension
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows

val repository: Path = Path.of(System.getProperty("repository.root"))
val json = ObjectMapper()
val SECRET = "shared secret of 32 bytes length".toByteArray()

/** The key encryption key of the frozen vaults, with the JVM's AES-GCM. */
class TestKeys(private val bytes: ByteArray = ByteArray(32) { it.toByte() }) : PlatformKeys {
    override fun wrap(dataKey: ByteArray): ByteArray {
        val cipher = cipher(Cipher.ENCRYPT_MODE, ByteArray(12) { 7 })
        return cipher.iv + cipher.doFinal(dataKey)
    }

    override fun unwrap(wrapped: ByteArray): ByteArray = try {
        cipher(Cipher.DECRYPT_MODE, wrapped.copyOf(12)).doFinal(wrapped, 12, wrapped.size - 12)
    } catch (wrong: java.security.GeneralSecurityException) {
        throw PlatformKeyException.Invalid()
    }

    private fun cipher(mode: Int, nonce: ByteArray): Cipher = Cipher.getInstance("AES/GCM/NoPadding").apply {
        init(mode, SecretKeySpec(bytes, "AES"), GCMParameterSpec(128, nonce))
    }
}

/** A biometric key: [touch] unwraps what it wraps. */
object Finger : SlotWrapper {
    override fun wrap(slot: ByteArray): ByteArray = touch(slot)
    fun touch(bytes: ByteArray): ByteArray = ByteArray(bytes.size) { (bytes[it].toInt() xor 0x5a).toByte() }
}

/** A hardware key: a P-256 pair of the JVM that the core never sees. */
class Chip(val pair: KeyPair = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()) {
    fun key(presence: UserPresence = UserPresence.BIOMETRIC) =
        DeviceKey((pair.public as ECPublicKey).jwk, KeyLevel.STRONGBOX, presence, listOf(byteArrayOf(1, 2, 3)))

    fun sign(toSign: ToSign): Signed = toSign.signedBy(Signature.getInstance("SHA256withECDSA").apply { initSign(pair.private) })

    /** Returns what an account is registered with. */
    fun choice(core: Authenticator, code: String, presence: UserPresence = UserPresence.BIOMETRIC): KeyChoice =
        key(presence).let { KeyChoice.Hardware(it, sign(core.registrationToSign(code, it))) }
}

fun sink(take: (LogLevel, String) -> Unit) = object : LogSink {
    override fun log(level: LogLevel, line: String) = take(level, line)
}

fun folder(): Path = Files.createTempDirectory("vault").also { it.toFile().deleteOnExit() }

fun openCore(file: Path = folder().resolve("vault"), keys: PlatformKeys = TestKeys(), log: LogSink? = null) =
    Authenticator.open(file.toString(), keys, log)

suspend fun openPhone(file: Path = folder().resolve("vault"), log: LogSink? = null) =
    PushAuthenticator.open(file.toString(), TestKeys(), log)

fun device(token: String = "token-0123456789") =
    Device("Kotlin on a JVM", Platform.ANDROID, token, CommunicationType.EMBEDDED)

fun enrolment(replace: Boolean = false) = Enrolment(device(), DeviceFacts(true, 0.0), replace)

fun encode(bytes: ByteArray): String = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes)
fun encode(text: String): String = encode(text.toByteArray())
fun unhex(text: String): ByteArray = HexFormat.of().parseHex(text)

fun hmac(algorithm: String, key: ByteArray, data: ByteArray): ByteArray =
    Mac.getInstance(algorithm).apply { init(SecretKeySpec(key, "RAW")) }.doFinal(data)

fun base32(bytes: ByteArray): String {
    val bits = bytes.joinToString("") { (it.toInt() and 0xff).toString(2).padStart(8, '0') }
    return bits.chunked(5).joinToString("") { "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[it.padEnd(5, '0').toInt(2)].toString() }
}

/** RFC 4226, computed with the JVM's own HMAC. */
fun oneTimeCode(secret: ByteArray, algorithm: String, digits: Int, moved: Long): String {
    val hash = hmac("Hmac$algorithm", secret, java.nio.ByteBuffer.allocate(8).putLong(moved).array())
    val at = hash.last().toInt() and 0xf
    val number = java.nio.ByteBuffer.wrap(hash, at, 4).int and 0x7fffffff
    return (number.toLong() % Math.pow(10.0, digits.toDouble()).toLong()).toString().padStart(digits, '0')
}

/** A message signed as a server does, with the JVM's own HMAC. */
fun sign(claims: Map<String, Any?>, secret: ByteArray = SECRET): String {
    val signed = encode("""{"typ":"JWT","alg":"HS256"}""") + "." + encode(json.writeValueAsString(claims))
    return signed + "." + encode(hmac("HmacSHA256", secret, signed.toByteArray()))
}

/** Returns the claims of a signed message, after checking its signature. */
fun claims(jwt: String, secret: ByteArray = SECRET): JsonNode {
    val (header, body, signature) = jwt.split('.')
    assertEquals(encode(hmac("HmacSHA256", secret, "$header.$body".toByteArray())), signature)
    return json.readTree(Base64.getUrlDecoder().decode(body))
}

/** Returns a registration URI; [more] is added to its query. */
fun registrationCode(
    account: String = "demo",
    origin: String = "https://am.example.com",
    secret: ByteArray = SECRET,
    scheme: String = "pushauth://push",
    more: String = "",
): String = "$scheme/Ping:$account?l=${encode("amlbcookie=01")}&issuer=${encode("Ping")}&m=REGISTER:$account" +
    "&s=${encode(secret)}&c=${encode(ByteArray(32) { 9 })}&r=${encode("$origin/am/push?_action=register")}" +
    "&a=${encode("$origin/am/push?_action=authenticate")}$more"

/**
 * An account that its server confirmed, in a core without a network, and the mechanism uid by which the server knows
 * it.
 */
class Registered(
    core: Authenticator, code: String = registrationCode(), date: String? = null, secret: ByteArray = SECRET, key: KeyChoice? = null,
) {
    val account: Account = core.enrol(code, enrolment().copy(key = key), Finger)
    val mechanismUid: String

    init {
        val request = core.due().single()
        mechanismUid = claims(json.readTree(request.body)["jwt"].asText(), secret)["mechanismUid"].asText()
        core.delivered(request.id, HttpResponse(200u, date, "{}".toByteArray()))
    }

    /** Returns message [number], with some claims replaced. */
    fun message(number: Int, vararg others: Pair<String, Any?>): String {
        val challenge = java.nio.ByteBuffer.allocate(32).putInt(number).array()
        return sign(mapOf("u" to mechanismUid, "c" to Base64.getEncoder().encodeToString(challenge), "t" to "120",
            "m" to "Login attempt from demo at Ping") + others)
    }
}

/** Opens a copy of the vault for the cases under tests/vectors/messages and arrivals. */
fun openMessagesVault(): Authenticator {
    val file = folder().resolve("vault")
    Files.copy(repository.resolve("tests/vectors/messages/phone.sqlite"), file)
    return openCore(file)
}

/**
 * Makes the phone of that vault learn the server's time, as it does from every response; here from one that rejects a
 * pull.
 */
fun setServerTime(core: Authenticator, seconds: Long) {
    val refused = """{"code":400,"reason":"Bad Request","message":"clock"}""".toByteArray()
    assertEquals(Pulled.AskAgain, core.pulled(core.pull(0u).single(), HttpResponse(400u, date(seconds), refused)))
}

fun date(seconds: Long): String = DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.ENGLISH)
    .format(Instant.ofEpochSecond(seconds).atOffset(ZoneOffset.UTC))

fun vectors(kind: String): List<JsonNode> = repository.resolve("tests/vectors").resolve(kind).listDirectoryEntries()
    .filter { it.extension == "json" }.sorted().map { file ->
        json.readTree(file.toFile()).also { assertEquals(file.nameWithoutExtension, it["name"].asText()) }
    }

fun JsonNode.textOrNull(): String? = if (isNull) null else asText()
fun JsonNode.texts(): List<String> = map { it.asText() }

/** Starts another JVM with the tests' class path and these [options]; both of its outputs are merged. */
fun java(options: List<String>, main: String, vararg arguments: String): Process = ProcessBuilder(
    listOf(ProcessHandle.current().info().command().get()) +
        listOf("jna.library.path", "repository.root").map { "-D$it=" + System.getProperty(it) } + options +
        listOf("-cp", System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path"), main) + arguments,
).redirectErrorStream(true).start()

/** Returns the error code with which the core rejects [work]. */
fun refusal(work: () -> Unit): String = assertThrows(AuthenticatorException.Refused::class.java) { work() }.code

/** A transport without a network: records what was sent and responds as specified. */
class Recorder(private val answer: suspend (HttpPost) -> HttpResponse = { ok }) : HttpTransport {
    val posts = CopyOnWriteArrayList<HttpPost>()
    override suspend fun post(post: HttpPost): HttpResponse {
        posts += post
        return answer(post)
    }

    companion object {
        val ok = HttpResponse(200u, null, "{}".toByteArray())
    }
}
