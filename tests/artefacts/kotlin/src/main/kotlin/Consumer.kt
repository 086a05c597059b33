/** Adds the account of the given registration URI, and prints its one-time password: consumer FOLDER CODE. */
import kotlinx.coroutines.runBlocking
import org.pushauthenticator.CommunicationType
import org.pushauthenticator.Courier
import org.pushauthenticator.Device
import org.pushauthenticator.DeviceFacts
import org.pushauthenticator.Enrolled
import org.pushauthenticator.Enrolment
import org.pushauthenticator.Platform
import org.pushauthenticator.PlatformKeys
import org.pushauthenticator.PushAuthenticator

/** Protects nothing. */
private object NoKeys : PlatformKeys {
    override fun wrap(dataKey: ByteArray) = dataKey

    override fun unwrap(wrapped: ByteArray) = wrapped
}

fun main(arguments: Array<String>): Unit = runBlocking {
    check(System.getProperty("jna.library.path") == null) { "nobody says where the library is" }
    PushAuthenticator.open("${arguments[0]}/vault", NoKeys).use { phone ->
        val facts = DeviceFacts(biometricAvailable = false, tamperScore = 0.0)
        phone.call { setDeviceFacts(facts) }
        val device = Device("Consumer", Platform.ANDROID, "none", CommunicationType.EMBEDDED)
        val enrolled = Courier(phone).enrol(arguments[1], Enrolment(device, facts, replace = false))
        check(enrolled is Enrolled.Ready) { "$enrolled" }
        println(phone.call { code(enrolled.account.id) }.code)
    }
}
