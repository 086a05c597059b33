package org.pushauthenticator.app.keys

import android.app.Activity
import java.security.GeneralSecurityException
import java.security.NoSuchAlgorithmException
import org.pushauthenticator.Account
import org.pushauthenticator.Authenticator
import org.pushauthenticator.Enrolled
import org.pushauthenticator.Enrolment
import org.pushauthenticator.EnrolmentPreview
import org.pushauthenticator.KeyChoice
import org.pushauthenticator.PushAuthenticator
import org.pushauthenticator.Signed
import org.pushauthenticator.ToSign
import org.pushauthenticator.app.App
import org.pushauthenticator.app.Core
import org.pushauthenticator.app.R

/** Signs with accounts' own keys on behalf of a screen: registrations and answers. */
class AccountSigner(private val activity: Activity, private val app: App) {
    private val gate = BiometricGate(activity)

    /**
     * Signs with an account's key what the core wants signed. Reports an invalidated key to the core; the account then
     * answers nothing until the user adds it again.
     *
     * @throws org.pushauthenticator.AuthenticatorException when the core provides nothing to sign
     */
    suspend fun sign(phone: PushAuthenticator, account: Account, title: Int, what: Authenticator.() -> ToSign): Used<Signed> {
        val toSign = phone.call(what)
        val key = try {
            app.signingKeys.of(account)
        } catch (busy: GeneralSecurityException) {
            return Used.Failed(activity.getString(R.string.prompt_failed))
        }
        val used = if (key == null) Used.Invalidated else gate.sign(key, toSign, title, of(account.displayName, account.displayIssuer))
        if (used is Used.Invalidated) {
            phone.call { deviceKeyInvalidated(account.id) }
            key?.forget()
        }
        return used
    }

    /**
     * Adds an account, with its own key if its server accepts one. The key signs the registration, inside a prompt if
     * the account is to require a biometric. If the phone cannot have such a key, the core makes one. If the key store
     * merely fails to make it, nothing is added, and the user may choose the core's key instead.
     *
     * @param name identifies the registration when the screen is recreated
     * @param enrolment with [KeyChoice.Software] if the user chose the core's key
     */
    suspend fun enrol(
        core: Core, name: String, code: String, preview: EnrolmentPreview, enrolment: Enrolment, biometric: Boolean,
    ): Used<Enrolled> = app.accountKeys.whileAdding { make(core, name, code, preview, enrolment, biometric) }
        .also { app.accountKeys.tidy(core.phone) }

    private suspend fun make(
        core: Core, name: String, code: String, preview: EnrolmentPreview, enrolment: Enrolment, biometric: Boolean,
    ): Used<Enrolled> {
        suspend fun enrol(enrolment: Enrolment): Used<Enrolled> =
            Used.Done(register(core, name) { core.courier.enrol(code, enrolment, app.biometricKey.takeIf { biometric }) })
        if (enrolment.key is KeyChoice.Software || !preview.takesDeviceKey) return enrol(enrolment)
        val key = try {
            app.signingKeys.make(preview.attestationChallenge, biometric)
        } catch (never: NoSuchAlgorithmException) {
            return enrol(enrolment.copy(key = KeyChoice.Software))
        } catch (failed: GeneralSecurityException) {
            // It may work next time, and the choice made now is permanent.
            return Used.Failed(activity.getString(R.string.key_not_made), takesSoftware = true)
        }
        var kept = false
        try {
            val toSign = core.phone.call { registrationToSign(code, key.description) }
            val used = gate.sign(key, toSign, R.string.prompt_register, of(preview.account, preview.issuer))
            return used.map { signed ->
                // From here on the account may exist, whatever happens to the screen.
                kept = true
                register(core, name) { core.courier.enrol(code, enrolment.copy(key = KeyChoice.Hardware(key.description, signed))) }
            }
        } finally {
            if (!kept) key.forget()
        }
    }

    /** Removes keys whose account was not added or was replaced. Done here in case the screen is gone by then. */
    private suspend fun register(core: Core, name: String, enrol: suspend () -> Enrolled): Enrolled = app.outgoing.register(name) {
        app.accountKeys.whileAdding(enrol).also { app.accountKeys.tidy(core.phone) }
    }

    private fun of(account: String, issuer: String) = activity.getString(R.string.prompt_account, account, issuer)

    private suspend fun <T, R> Used<T>.map(use: suspend (T) -> R): Used<R> = when (this) {
        is Used.Done -> Used.Done(use(result))
        is Used.Cancelled -> this
        is Used.Failed -> this
        is Used.Invalidated -> this
    }
}
