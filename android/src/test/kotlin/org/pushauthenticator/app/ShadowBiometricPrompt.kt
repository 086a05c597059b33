package org.pushauthenticator.app

import android.hardware.biometrics.BiometricPrompt
import android.os.Build
import android.os.CancellationSignal
import java.util.concurrent.Executor
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements

/** The system's prompt, answered by the test. A bound key works once after a prompt has succeeded. */
@Implements(BiometricPrompt::class)
class ShadowBiometricPrompt {
    @Implementation
    fun authenticate(crypto: BiometricPrompt.CryptoObject, signal: CancellationSignal, executor: Executor, callback: BiometricPrompt.AuthenticationCallback) {
        shown = Shown(crypto, executor, callback)
    }

    @Implementation
    fun authenticate(signal: CancellationSignal, executor: Executor, callback: BiometricPrompt.AuthenticationCallback) {
        shown = Shown(null, executor, callback)
    }

    class Shown(val crypto: BiometricPrompt.CryptoObject?, private val executor: Executor, private val callback: BiometricPrompt.AuthenticationCallback) {
        fun pass() {
            isOpen = crypto != null
            executor.execute { callback.onAuthenticationSucceeded(result()) }
        }

        private fun result(): BiometricPrompt.AuthenticationResult {
            val type = BiometricPrompt.AUTHENTICATION_RESULT_TYPE_BIOMETRIC
            // API 28 reports which finger it was, through a class that apps cannot see.
            if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) return BiometricPrompt.AuthenticationResult(crypto, type)
            val made = BiometricPrompt.AuthenticationResult::class.java.declaredConstructors.first { it.parameterCount == 3 }
            return made.apply { isAccessible = true }.newInstance(crypto, null, 0) as BiometricPrompt.AuthenticationResult
        }

        fun fail(code: Int, text: String) = executor.execute { callback.onAuthenticationError(code, text) }
    }

    companion object {
        var shown: Shown? = null
        var isOpen = false

        fun reset() {
            shown = null
            isOpen = false
        }
    }
}
