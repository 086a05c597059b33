package org.pushauthenticator.app.messages

import android.app.job.JobInfo
import android.app.job.JobParameters
import android.app.job.JobScheduler
import android.app.job.JobService
import android.content.ComponentName
import android.content.Context
import kotlin.time.Duration.Companion.minutes
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.Retention
import org.pushauthenticator.app.service
import org.pushauthenticator.app.App
import org.pushauthenticator.app.SystemLog

/** Sends what is due, fetches pending messages and trims the history, every 15 minutes and on demand. */
class DeliveryJob : JobService() {
    private val running = mutableMapOf<Int, Job>()

    override fun onStartJob(parameters: JobParameters): Boolean {
        val app = application as App
        running[parameters.jobId] = app.scope.launch {
            val again = try {
                run(app, networkIsBack = parameters.jobId == SOON)
            } catch (failed: AuthenticatorException) {
                SystemLog.failure(failed)
                true
            }
            jobFinished(parameters, again && parameters.jobId == SOON)
        }
        return true
    }

    override fun onStopJob(parameters: JobParameters): Boolean {
        running.remove(parameters.jobId)?.cancel()
        return true
    }

    companion object {
        const val PERIODIC = 1
        const val SOON = 2

        /** Sends and fetches once. Returns whether anything is left to send. */
        suspend fun run(app: App, networkIsBack: Boolean): Boolean {
            val core = app.core()
            if (networkIsBack) core.phone.call { retryNow() }
            core.courier.deliver()
            core.courier.pull()
            // An open screen may be sending what became due here.
            core.courier.awaitIdle()
            app.notices.follow(core.phone.call { pending() }, core.phone.call { accounts() })
            return core.phone.call {
                cleanHistory(Retention(HISTORY_COUNT, HISTORY_DAYS))
                outbox().isNotEmpty()
            }
        }

        /** Schedules the periodic job, unless it is already scheduled. */
        fun schedule(context: Context) {
            val scheduler = context.service<JobScheduler>()
            if (scheduler.getPendingJob(PERIODIC) != null) return
            val job = builder(context, PERIODIC).setPeriodic(15.minutes.inWholeMilliseconds).setPersisted(true).build()
            scheduler.schedule(job)
        }

        /** Schedules a delivery for as soon as there is a network. */
        fun soon(context: Context) {
            val scheduler = context.service<JobScheduler>()
            scheduler.schedule(builder(context, SOON).setMinimumLatency(0).build())
        }

        private fun builder(context: Context, id: Int) =
            JobInfo.Builder(id, ComponentName(context, DeliveryJob::class.java)).setRequiredNetworkType(JobInfo.NETWORK_TYPE_ANY)

        private val HISTORY_COUNT = 500u
        private val HISTORY_DAYS = 365u
    }
}
