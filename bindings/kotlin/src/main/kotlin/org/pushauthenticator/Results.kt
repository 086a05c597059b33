package org.pushauthenticator

import java.io.IOException

/** The result of a user's answer to a sign-on request. */
public sealed interface Answer {
    /** The server accepted the answer; the sign-on request is now approved or denied. */
    public data class Settled(val state: NotificationState) : Answer

    /**
     * The server rejected the answer: a wrong number, or too late. [message] is the server's text, sanitized. Both
     * properties are null if another round of the courier received the rejection.
     */
    public data class Refused(val status: UShort?, val message: String?) : Answer

    /** The answer was sent, perhaps more than once, and the result is unknown. */
    public data object OutcomeUnknown : Answer

    /** The answer is stored and will be sent once the server can be reached: see [Courier.deliver]. */
    public data object Queued : Answer

    /** The sign-on request expired before the answer could be sent. */
    public data object Expired : Answer

    /** The core rejected the answer: nothing was stored or sent. */
    public data class Rejected(val reason: AuthenticatorException) : Answer
}

/** The result of adding an account. */
public sealed interface Enrolled {
    /** The account is ready. */
    public data class Ready(val account: Account) : Enrolled

    /** The account is stored. Its registration will be sent once the server can be reached: see [Courier.deliver]. */
    public data class Queued(val account: Account) : Enrolled

    /** It is uncertain whether the server knows this phone; the first valid message will confirm it. */
    public data class Unconfirmed(val account: Account) : Enrolled

    /**
     * The server rejected the registration, and the account was removed. [message] is the server's text, sanitized.
     * Both properties are null if another round of the courier received the rejection.
     */
    public data class Refused(val status: UShort?, val message: String?) : Enrolled

    /** The core rejected the registration URI: nothing was stored or sent. */
    public data class Rejected(val reason: AuthenticatorException) : Enrolled
}

/** The result of asking one account's server for pending messages. */
public sealed interface PullResult {
    /** The account whose server was asked. */
    public val accountId: String

    /** The server answered. */
    public data class Answered(override val accountId: String, val pulled: Pulled) : PullResult

    /** The server rejected the pull, or its response cannot be understood. */
    public data class Rejected(override val accountId: String, val reason: AuthenticatorException) : PullResult

    /** No response arrived. */
    public data class Unreachable(override val accountId: String, val cause: IOException) : PullResult
}

/** The result of processing a push. */
public sealed interface Arrival {
    /** The sign-on request. It may be settled already if the push came late or twice. */
    public data class Request(val notification: Notification) : Arrival

    /**
     * The push was a hint, and its message did not arrive: [result] says whether the server could be reached at all.
     */
    public data class Missing(val result: PullResult) : Arrival
}

/** Signs pulls with the account's own key, if that key is in hardware and works without the user. */
public fun interface PullSigner {
    /** Signs these bytes. Returns null if the app has no such key. */
    public suspend fun sign(accountId: String, toSign: ToSign): Signed?
}

/** The result of one attempt to send an outbox entry. */
public data class Report(val requestId: String, val kind: RequestKind, val delivery: Delivery)
