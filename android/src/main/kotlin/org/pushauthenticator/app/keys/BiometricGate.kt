package org.pushauthenticator.app.keys

import android.app.Activity
import android.hardware.biometrics.BiometricManager
import android.hardware.biometrics.BiometricPrompt
import android.os.Build
import android.os.CancellationSignal
import android.security.keystore.KeyPermanentlyInvalidatedException
import java.security.GeneralSecurityException
import java.security.ProviderException
import javax.crypto.Cipher
import kotlin.coroutines.resume
import kotlinx.coroutines.CancellableContinuation
import kotlinx.coroutines.suspendCancellableCoroutine
import org.pushauthenticator.app.R

/** What came of a prompt. */
sealed interface Unwrapped {
    /** The slot; the core checks it. */
    class Slot(val bytes: ByteArray) : Unwrapped

    /** The person did not want to. */
    data object Cancelled : Unwrapped

    /** Not now; [text] is the system's, for the person. */
    data class Failed(val text: String) : Unwrapped

    /** A finger or face was added: the key is gone for good. */
    data object Invalidated : Unwrapped
}

/** The system's biometric prompts, as suspending functions. */
class BiometricGate(private val activity: Activity) {
    /** Unwraps what is wrapped under [key], inside a prompt. */
    suspend fun unwrap(key: BiometricKey, wrapped: ByteArray, subtitle: String): Unwrapped {
        val cipher = try {
            key.unwrapper()
        } catch (gone: KeyPermanentlyInvalidatedException) {
            return Unwrapped.Invalidated
        } catch (failed: GeneralSecurityException) {
            return failed()
        } catch (failed: ProviderException) {
            return failed()
        }
        val builder = BiometricPrompt.Builder(activity).setTitle(activity.getString(R.string.prompt_approve)).setSubtitle(subtitle)
        // A face that happens to look at the phone is no consent.
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) builder.setConfirmationRequired(true)
        return when (val shown = show(builder, cipher, canCancel = true)) {
            is Shown.Passed -> open(shown.cipher, wrapped)
            is Shown.Ended -> shown.outcome
        }
    }

    /** Whether the person passed; the device's PIN will do, too. From API 29. */
    @Suppress("DEPRECATION")
    suspend fun unlock(): Boolean {
        val builder = BiometricPrompt.Builder(activity).setTitle(activity.getString(R.string.prompt_unlock))
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            builder.setAllowedAuthenticators(
                BiometricManager.Authenticators.BIOMETRIC_STRONG or BiometricManager.Authenticators.DEVICE_CREDENTIAL,
            )
        } else {
            builder.setDeviceCredentialAllowed(true)
        }
        return show(builder, null, canCancel = false) is Shown.Passed
    }

    private fun open(cipher: Cipher?, wrapped: ByteArray): Unwrapped = try {
        cipher?.doFinal(wrapped)?.let { Unwrapped.Slot(it) } ?: failed()
    } catch (failed: GeneralSecurityException) {
        failed()
    }

    private fun failed() = Unwrapped.Failed(activity.getString(R.string.prompt_failed))

    private sealed interface Shown {
        class Passed(val cipher: Cipher?) : Shown
        class Ended(val outcome: Unwrapped) : Shown
    }

    private suspend fun show(builder: BiometricPrompt.Builder, cipher: Cipher?, canCancel: Boolean): Shown =
        suspendCancellableCoroutine { caller -> present(builder, cipher, canCancel, caller) }

    private fun present(builder: BiometricPrompt.Builder, cipher: Cipher?, canCancel: Boolean, caller: CancellableContinuation<Shown>) {
        val cancellation = CancellationSignal()
        caller.invokeOnCancellation { cancellation.cancel() }
        // The framework tells this button's listener, and nobody else.
        if (canCancel) {
            builder.setNegativeButton(activity.getString(R.string.cancel), activity.mainExecutor) { _, _ ->
                if (caller.isActive) caller.resume(Shown.Ended(Unwrapped.Cancelled))
            }
        }
        val prompt = builder.build()
        val callback = object : BiometricPrompt.AuthenticationCallback() {
            override fun onAuthenticationSucceeded(result: BiometricPrompt.AuthenticationResult) {
                if (caller.isActive) caller.resume(Shown.Passed(result.cryptoObject?.cipher))
            }

            override fun onAuthenticationError(code: Int, text: CharSequence?) {
                val outcome = when (code) {
                    BiometricPrompt.BIOMETRIC_ERROR_CANCELED, BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED ->
                        Unwrapped.Cancelled
                    else -> Unwrapped.Failed(text?.toString() ?: activity.getString(R.string.prompt_failed))
                }
                if (caller.isActive) caller.resume(Shown.Ended(outcome))
            }
        }
        if (cipher == null) {
            prompt.authenticate(cancellation, activity.mainExecutor, callback)
        } else {
            prompt.authenticate(BiometricPrompt.CryptoObject(cipher), cancellation, activity.mainExecutor, callback)
        }
    }
}
