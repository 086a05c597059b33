package org.pushauthenticator.app.keys

import android.app.Activity
import android.hardware.biometrics.BiometricManager
import android.hardware.biometrics.BiometricPrompt
import android.hardware.biometrics.BiometricPrompt.CryptoObject
import android.os.Build
import android.os.CancellationSignal
import android.security.keystore.KeyPermanentlyInvalidatedException
import java.security.GeneralSecurityException
import java.security.ProviderException
import kotlin.coroutines.resume
import kotlinx.coroutines.CancellableContinuation
import kotlinx.coroutines.suspendCancellableCoroutine
import org.pushauthenticator.Signed
import org.pushauthenticator.ToSign
import org.pushauthenticator.app.R
import org.pushauthenticator.signedBy

/** The result of using a key, inside a prompt if the key requires one. */
sealed interface Used<out T> {
    /** What the key produced; the core checks it. */
    class Done<T>(val result: T) : Used<T>

    /** The user cancelled. */
    data object Cancelled : Used<Nothing>

    /**
     * The key cannot be used now. [text] is the system's explanation for the user, who may choose the core's key
     * instead if [takesSoftware].
     */
    data class Failed(val text: String, val takesSoftware: Boolean = false) : Used<Nothing>

    /** A fingerprint or face was added, and the key is permanently gone. */
    data object Invalidated : Used<Nothing>
}

/** The system's biometric prompts as suspending functions. */
class BiometricGate(private val activity: Activity) {
    /** Unwraps an account's slot, inside a prompt. */
    suspend fun unwrap(key: BiometricKey, wrapped: ByteArray, subtitle: String): Used<ByteArray> = guard {
        val passed = pass(CryptoObject(key.unwrapper(wrapped)), R.string.prompt_approve, subtitle)
        passed.then { crypto -> crypto?.cipher?.let { key.unwrap(wrapped, it) } }
    }

    /** Signs with an account's key, inside a prompt if the key requires one. */
    suspend fun sign(key: SigningKey, toSign: ToSign, title: Int, subtitle: String): Used<Signed> = guard {
        val signature = key.signature()
        if (!key.asksForBiometric) return@guard Used.Done(toSign.signedBy(signature))
        val passed = pass(CryptoObject(signature), title, subtitle)
        passed.then { it?.signature?.let(toSign::signedBy) }
    }

    /** Returns whether the user authenticated; the device's PIN counts too. From API 29. */
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
        return show(builder, null, canCancel = false) is Used.Done
    }

    /** Translates the exceptions of key stores into what the user can do about them. */
    private suspend fun <T> guard(work: suspend () -> Used<T>): Used<T> = try {
        work()
    } catch (gone: KeyPermanentlyInvalidatedException) {
        Used.Invalidated
    } catch (failed: GeneralSecurityException) {
        failed()
    } catch (failed: ProviderException) {
        failed()
    }

    private fun <T> Used<CryptoObject?>.then(use: (CryptoObject?) -> T?): Used<T> = when (this) {
        is Used.Done -> use(result)?.let { Used.Done(it) } ?: failed()
        is Used.Cancelled -> this
        is Used.Failed -> this
        is Used.Invalidated -> this
    }

    private fun failed() = Used.Failed(activity.getString(R.string.prompt_failed))

    private suspend fun pass(crypto: CryptoObject, title: Int, subtitle: String): Used<CryptoObject?> {
        val builder = BiometricPrompt.Builder(activity).setTitle(activity.getString(title)).setSubtitle(subtitle)
        // A face that happens to look at the phone is not consent.
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) builder.setConfirmationRequired(true)
        return show(builder, crypto, canCancel = true)
    }

    private suspend fun show(builder: BiometricPrompt.Builder, crypto: CryptoObject?, canCancel: Boolean): Used<CryptoObject?> =
        suspendCancellableCoroutine { caller -> present(builder, crypto, canCancel, caller) }

    private fun present(
        builder: BiometricPrompt.Builder, crypto: CryptoObject?, canCancel: Boolean, caller: CancellableContinuation<Used<CryptoObject?>>,
    ) {
        val cancellation = CancellationSignal()
        caller.invokeOnCancellation { cancellation.cancel() }
        // The framework reports this button only to its listener.
        if (canCancel) {
            builder.setNegativeButton(activity.getString(R.string.cancel), activity.mainExecutor) { _, _ ->
                if (caller.isActive) caller.resume(Used.Cancelled)
            }
        }
        val prompt = builder.build()
        val callback = object : BiometricPrompt.AuthenticationCallback() {
            override fun onAuthenticationSucceeded(result: BiometricPrompt.AuthenticationResult) {
                if (caller.isActive) caller.resume(Used.Done(result.cryptoObject))
            }

            override fun onAuthenticationError(code: Int, text: CharSequence?) {
                val outcome = when (code) {
                    BiometricPrompt.BIOMETRIC_ERROR_CANCELED, BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED -> Used.Cancelled
                    else -> Used.Failed(text?.toString() ?: activity.getString(R.string.prompt_failed))
                }
                if (caller.isActive) caller.resume(outcome)
            }
        }
        if (crypto == null) {
            prompt.authenticate(cancellation, activity.mainExecutor, callback)
        } else {
            prompt.authenticate(crypto, cancellation, activity.mainExecutor, callback)
        }
    }
}
