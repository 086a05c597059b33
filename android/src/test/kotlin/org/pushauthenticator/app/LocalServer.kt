package org.pushauthenticator.app

import java.nio.ByteBuffer
import java.util.Base64
import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec
import kotlinx.coroutines.runBlocking
import org.json.JSONObject
import org.pushauthenticator.Account
import org.pushauthenticator.HttpResponse
import org.pushauthenticator.KeyChoice
import org.pushauthenticator.Notification
import org.pushauthenticator.SlotWrapper
import org.pushauthenticator.signedBy

/** Signs messages as a server does, without a network: for screens with every kind of sign-on request. */
class LocalServer(
    private val test: AppTest, keyed: Boolean = false, host: String = HOST, private val scheme: String = "https",
    name: String = "demo", biometric: SlotWrapper = test.biometricKey(),
) {
    val account: Account
    lateinit var last: Notification
        private set
    private val mechanism: String
    private var count = 0

    init {
        account = if (keyed) keyed() else test.core { enrol(registration(host, name), test.enrolment(), biometric) }
        val request = test.core { due() }.single()
        val jwt = JSONObject(String(request.body)).getString("jwt")
        mechanism = JSONObject(String(Base64.getUrlDecoder().decode(jwt.split('.')[1]))).getString("mechanismUid")
        test.core { delivered(request.id, HttpResponse(200u, null, "{}".toByteArray())) }
    }

    /** With its own key, bound to the biometric. */
    private fun keyed(): Account {
        val code = registration(HOST, "carol") + "&v=2"
        val key = runBlocking { test.signingKeys().make(test.core { preview(code) }.attestationChallenge, biometric = true) }
        val toSign = test.core { registrationToSign(code, key.description) }
        ShadowBiometricPrompt.isOpen = true
        val chosen = KeyChoice.Hardware(key.description, toSign.signedBy(key.signature()))
        return test.core { enrol(code, test.enrolment().copy(key = chosen), null) }
    }

    fun registration(host: String, name: String = "demo") = code(host, name, scheme)

    fun push(id: String, type: String, numbers: String? = null, place: Pair<Double, Double> = 47.37 to 8.54): Notification {
        val claims = JSONObject().put("u", mechanism).put("c", Base64.getEncoder().encodeToString(ByteBuffer.allocate(32).putInt(++count).array()))
            .put("t", "120").put("m", "Login attempt from demo at Ping").put("k", type)
            .put("x", """{"remoteIp":"203.0.113.7","userAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0","platform":"Linux x86_64","location":{"latitude":${place.first},"longitude":${place.second}}}""")
        if (numbers != null) claims.put("n", numbers)
        val signed = encode("""{"typ":"JWT","alg":"HS256"}""") + "." + encode(claims.toString())
        val mac = Mac.getInstance("HmacSHA256").apply { init(SecretKeySpec(secret, "RAW")) }.doFinal(signed.toByteArray())
        return test.core { receiveMessage("AUTHENTICATE:$id", "$signed.${encode(mac)}") }.also { last = it }
    }

    /** A push that only says where to ask. */
    fun hint(id: String): ByteArray =
        JSONObject().put("messageId", "AUTHENTICATE:$id").put("mechanismUid", mechanism).toString().toByteArray()

    /** The server accepts every waiting answer; a courier that was stopped may hold one for a moment. */
    fun settleAll() = test.until("all is sent") {
        test.core { retryNow() }
        test.core { due() }.forEach { request -> test.core { delivered(request.id, HttpResponse(200u, null, "{}".toByteArray())) } }
        test.core { outbox() }.isEmpty()
    }

    companion object {
        private val secret = "shared secret of 32 bytes length".toByteArray()

        /** Returns a registration URI of this host. */
        fun code(host: String, name: String, scheme: String): String =
            "pushauth://push/Ping:$name?l=${encode("amlbcookie=01")}&issuer=${encode("Ping")}&m=REGISTER:1" +
                "&s=${encode(secret)}&c=${encode(ByteArray(32) { 9 })}&r=${encode("$scheme://$host/am/push?_action=register")}" +
                "&a=${encode("$scheme://$host/am/push?_action=authenticate")}"

        private fun encode(text: String) = encode(text.toByteArray())
        private fun encode(bytes: ByteArray): String = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes)

        /** Nobody listens there, which a client notices immediately. */
        const val HOST = "127.0.0.1:1"
    }
}
