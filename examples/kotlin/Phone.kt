/**
 * A phone on the command line: adds the account of a registration URI and answers sign-on requests. It shows how an app
 * uses the library, but no screens. Not for everyday use: its key is a file next to the vault.
 */
package org.pushauthenticator.example

import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.attribute.PosixFilePermissions
import java.security.GeneralSecurityException
import java.security.SecureRandom
import javax.crypto.Cipher
import javax.crypto.spec.GCMParameterSpec
import javax.crypto.spec.SecretKeySpec
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import org.pushauthenticator.Answer
import org.pushauthenticator.Ask
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.CommunicationType
import org.pushauthenticator.Courier
import org.pushauthenticator.Device
import org.pushauthenticator.DeviceFacts
import org.pushauthenticator.Enrolled
import org.pushauthenticator.Enrolment
import org.pushauthenticator.Evidence
import org.pushauthenticator.Notification
import org.pushauthenticator.Platform
import org.pushauthenticator.PlatformKeyException
import org.pushauthenticator.PlatformKeys
import org.pushauthenticator.PushAuthenticator
import org.pushauthenticator.explanation

fun main(arguments: Array<String>): Unit = runBlocking {
    val folder = arguments.getOrNull(1)?.let { Path.of(it) }
    val console = Console(::readlnOrNull, ::println)
    when {
        folder != null && arguments[0] == "add" && arguments.size == 3 -> use(folder, console) { add(arguments[2]) }
        folder != null && arguments[0] == "answer" -> use(folder, console) { answer() }
        else -> {
            System.err.println("usage: add FOLDER CODE, with the text of the QR code | answer FOLDER")
            exitProcess(2)
        }
    }
}

/** The example's input and output. */
class Console(val read: () -> String?, val show: (String) -> Unit)

/** Opens the vault in [folder] and reports errors as an app would. */
suspend fun use(folder: Path, console: Console, work: suspend Phone.() -> Unit) {
    try {
        PushAuthenticator.open(folder.resolve("vault").toString(), FileKey(folder.resolve("key"))).use { core ->
            // Until an app reports what it finds, accounts with policies are locked.
            core.call { setDeviceFacts(DeviceFacts(biometricAvailable = false, tamperScore = 0.0)) }
            Phone(core, console).work()
        }
    } catch (reason: AuthenticatorException) {
        console.show(reason.explanation)
    }
}

/** The user's actions on the phone. */
class Phone(private val core: PushAuthenticator, private val console: Console) {
    private val courier = Courier(core)

    /** Shows what [code] would add, and adds it if the user agrees. */
    suspend fun add(code: String) {
        val preview = core.call { preview(code) }
        console.show("Add ${preview.account} at ${preview.issuer}, host ${preview.host ?: "none"}? (yes)")
        if (console.read() != "yes") return
        val device = Device("Example", Platform.ANDROID, "example-without-pushes", CommunicationType.EMBEDDED)
        val enrolment = Enrolment(device, DeviceFacts(false, 0.0), replace = preview.conflict != null)
        when (val enrolled = courier.enrol(code, enrolment)) {
            is Enrolled.Ready -> console.show("Added.")
            is Enrolled.Queued -> console.show("The server was not reached: the registration is sent with the next answer.")
            is Enrolled.Unconfirmed -> console.show("The server may not know this phone. The first request will tell.")
            is Enrolled.Refused -> console.show(enrolled.message ?: "The server refused.")
            is Enrolled.Rejected -> console.show(enrolled.reason.explanation)
        }
    }

    /** Waits up to half a minute for a sign-on request and answers it. */
    suspend fun answer() {
        courier.deliver()
        courier.pull(wait = 30.seconds)
        val request = core.notifications.first().firstOrNull() ?: return console.show("Nobody signs on.")
        console.show("${request.issuer}: ${request.message ?: request.account}, from ${request.context?.remoteIp ?: "somewhere"}")
        val evidence = ask(request)
        val answer = if (evidence == null) courier.deny(request.id) else courier.approve(request.id, evidence)
        when (answer) {
            is Answer.Settled -> console.show("${answer.state}")
            is Answer.Refused -> console.show(answer.message ?: "The server refused.")
            is Answer.Rejected -> console.show(answer.reason.explanation)
            Answer.Queued -> console.show("The server was not reached: run this again.")
            Answer.OutcomeUnknown -> console.show("What came of it is not known: look at the sign-on page.")
            Answer.Expired -> console.show("Too late.")
        }
    }

    /** The evidence for an approval, or null if the user declines or cannot give it. */
    private fun ask(request: Notification): Evidence? = when (val ask = request.ask) {
        is Ask.Number -> {
            console.show("Which number does the page show: ${ask.numbers.joinToString()}? (nothing denies)")
            // Ask again after a slip: a wrong number would end the sign-on.
            generateSequence { console.read()?.trim()?.takeIf { it.isNotEmpty() } }
                .onEach { if (it !in ask.numbers) console.show("That is none of them. Which one?") }
                .firstOrNull { it in ask.numbers }?.let { Evidence.Number(it) }
        }
        Ask.Tap -> {
            console.show("Approve? (yes)")
            Evidence.Tap.takeIf { console.read() == "yes" }
        }
        Ask.Biometric -> null.also { console.show("This asks for a biometric, which a command line has not: denied.") }
    }
}

/** AES-256 with a key in a file that only its owner may read. An app uses its platform's key store instead. */
class FileKey(private val file: Path) : PlatformKeys {
    override fun wrap(dataKey: ByteArray): ByteArray = try {
        val cipher = Cipher.getInstance(TRANSFORMATION).apply { init(Cipher.ENCRYPT_MODE, key() ?: make()) }
        cipher.iv + cipher.doFinal(dataKey)
    } finally {
        dataKey.fill(0)
    }

    override fun unwrap(wrapped: ByteArray): ByteArray {
        if (wrapped.size <= NONCE) throw PlatformKeyException.Invalid()
        return try {
            val cipher = Cipher.getInstance(TRANSFORMATION)
            cipher.init(Cipher.DECRYPT_MODE, key() ?: throw PlatformKeyException.Invalid(), GCMParameterSpec(TAG_BITS, wrapped, 0, NONCE))
            cipher.doFinal(wrapped, NONCE, wrapped.size - NONCE)
        } catch (another: GeneralSecurityException) {
            throw PlatformKeyException.Invalid()
        }
    }

    private fun key(): SecretKeySpec? = if (Files.exists(file)) SecretKeySpec(Files.readAllBytes(file), "AES") else null

    private fun make(): SecretKeySpec {
        val bytes = ByteArray(KEY).also { SecureRandom().nextBytes(it) }
        Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))
        Files.write(file, bytes)
        return SecretKeySpec(bytes, "AES")
    }

    private companion object {
        const val TRANSFORMATION = "AES/GCM/NoPadding"
        const val KEY = 32
        const val NONCE = 12
        const val TAG_BITS = 128
    }
}
