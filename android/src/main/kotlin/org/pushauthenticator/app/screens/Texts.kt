package org.pushauthenticator.app.screens

import android.content.Context
import android.text.format.DateUtils
import kotlin.math.abs
import org.pushauthenticator.Account
import org.pushauthenticator.AccountKey
import org.pushauthenticator.AccountState
import org.pushauthenticator.Answer
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.CodeAlgorithm
import org.pushauthenticator.CodeMoving
import org.pushauthenticator.CodeSettings
import org.pushauthenticator.CredentialKind
import org.pushauthenticator.Enrolled
import org.pushauthenticator.KeyLevel
import org.pushauthenticator.Location
import org.pushauthenticator.NotificationState
import org.pushauthenticator.UserPresence
import org.pushauthenticator.app.R
import org.pushauthenticator.code
import org.pushauthenticator.explanation

/** Returns the app's own text for the most common errors, and the core's English text for the rest. */
fun Context.explain(reason: AuthenticatorException): String = when (reason.code) {
    "key-unavailable" -> getString(R.string.error_key_unavailable)
    "re-enrolment-needed" -> getString(R.string.error_re_enrolment)
    "device-locked" -> getString(R.string.error_device_locked)
    "biometric-invalidated" -> getString(R.string.biometric_invalidated)
    "device-key-invalidated" -> getString(R.string.state_key_gone)
    "signature-needed" -> getString(R.string.error_signature_needed)
    "account-exists" -> getString(R.string.error_account_exists)
    else -> reason.explanation
}

fun Context.time(at: Long): String = DateUtils.formatDateTime(
    this, at, DateUtils.FORMAT_SHOW_DATE or DateUtils.FORMAT_SHOW_TIME or DateUtils.FORMAT_ABBREV_MONTH,
)

/** In degrees, accurate to about 100 meters; the sign is a word. */
fun Context.place(location: Location): String = getString(
    R.string.request_degrees,
    abs(location.latitude), getString(if (location.latitude < 0) R.string.request_south else R.string.request_north),
    abs(location.longitude), getString(if (location.longitude < 0) R.string.request_west else R.string.request_east),
)

fun Context.kinds(kinds: List<CredentialKind>): String = kinds.joinToString("\n") {
    getString(
        when (it) {
            CredentialKind.PUSH -> R.string.kind_push
            CredentialKind.TOTP -> R.string.kind_totp
            CredentialKind.HOTP -> R.string.kind_hotp
        },
    )
}

fun Context.policies(names: List<String>): String = names.joinToString("\n") { policy(it) }

fun Context.policy(name: String): String = when (name) {
    "biometricAvailable" -> getString(R.string.policy_biometric)
    "deviceTampering" -> getString(R.string.policy_tampering)
    else -> name
}

fun Context.settings(codes: CodeSettings): String {
    val algorithm = when (codes.algorithm) {
        CodeAlgorithm.SHA1 -> "SHA-1"
        CodeAlgorithm.SHA256 -> "SHA-256"
        CodeAlgorithm.SHA512 -> "SHA-512"
    }
    return when (val moving = codes.moving) {
        is CodeMoving.Time -> getString(R.string.codes_timed, codes.digits.toInt(), moving.periodSeconds.toInt(), algorithm)
        is CodeMoving.Counter -> getString(R.string.codes_counted, codes.digits.toInt(), moving.next.toLong(), algorithm)
    }
}

/** Returns what is wrong with the account, or null if it is ready. */
fun Context.problem(account: Account): String? = when (account.state) {
    AccountState.ACTIVE -> null
    AccountState.ENROLLING -> getString(R.string.state_enrolling)
    AccountState.UNCONFIRMED -> getString(R.string.state_unconfirmed)
    AccountState.LOCKED -> getString(R.string.state_locked, account.unmetPolicy?.let { policy(it) }.orEmpty())
    AccountState.RE_ENROLMENT_NEEDED ->
        getString(if (account.key?.isInvalidated == true) R.string.state_key_gone else R.string.state_re_enrolment)
}

/** Returns what protects an account that answers sign-on requests. */
fun Context.protection(key: AccountKey?): String {
    if (key == null) return getString(R.string.key_shared)
    val level = when (key.level) {
        KeyLevel.STRONGBOX, KeyLevel.SECURE_ENCLAVE -> R.string.key_chip
        KeyLevel.TEE -> R.string.key_hardware
        KeyLevel.SOFTWARE -> R.string.key_software
    }
    val more = when {
        key.isInvalidated -> R.string.key_invalidated
        key.presence == UserPresence.BIOMETRIC -> R.string.key_biometric
        else -> null
    }
    return listOfNotNull(level, more).joinToString("\n") { getString(it) }
}

val NotificationState.label: Int
    get() = when (this) {
        NotificationState.PENDING -> R.string.request_pending
        NotificationState.ANSWERING -> R.string.request_answering
        NotificationState.APPROVED -> R.string.request_approved
        NotificationState.DENIED -> R.string.request_denied
        NotificationState.EXPIRED -> R.string.request_expired
        NotificationState.FAILED -> R.string.request_failed
        NotificationState.OUTCOME_UNKNOWN -> R.string.request_unknown
        NotificationState.WITHDRAWN -> R.string.request_withdrawn
    }

/** The result of an answer, as a short title. */
val Answer.title: Int
    get() = when (this) {
        is Answer.Settled -> state.label
        is Answer.Refused -> R.string.request_failed
        Answer.OutcomeUnknown -> R.string.request_unknown
        Answer.Queued -> R.string.result_queued
        Answer.Expired -> R.string.request_expired
        is Answer.Rejected -> R.string.result_rejected
    }

/** Explains the result and what to do. */
fun Answer.summary(context: Context): String = when (this) {
    is Answer.Settled -> context.getString(
        if (state == NotificationState.APPROVED) R.string.result_approved_text else R.string.result_denied_text,
    )
    is Answer.Refused -> message ?: context.getString(R.string.result_refused_text)
    Answer.OutcomeUnknown -> context.getString(R.string.result_unknown_text)
    Answer.Queued -> context.getString(R.string.result_queued_text)
    Answer.Expired -> context.getString(R.string.result_expired_text)
    is Answer.Rejected -> context.explain(reason)
}

/** The result of adding an account, as a short title. */
val Enrolled.title: Int
    get() = when (this) {
        is Enrolled.Ready -> R.string.enrolled_ready
        is Enrolled.Queued -> R.string.enrolled_queued
        is Enrolled.Unconfirmed -> R.string.enrolled_unconfirmed
        is Enrolled.Refused -> R.string.enrolled_refused
        is Enrolled.Rejected -> R.string.enrolled_rejected
    }

/** Explains the result and what to do. */
fun Enrolled.summary(context: Context): String = when (this) {
    is Enrolled.Ready -> {
        val answers = CredentialKind.PUSH in account.kinds
        context.getString(if (answers) R.string.enrolled_ready_text else R.string.enrolled_codes_text)
    }
    is Enrolled.Queued -> context.getString(R.string.enrolled_queued_text)
    is Enrolled.Unconfirmed -> context.getString(R.string.state_unconfirmed)
    is Enrolled.Refused -> message ?: context.getString(R.string.enrolled_refused_text)
    is Enrolled.Rejected -> context.explain(reason)
}
